-- The suggested maps. Where nothing is suggested, a key does what it did before.

local M = {}

---@type table<string, string>
local descriptions = {
  accept = 'Accept the suggestion',
  accept_word = 'Accept the next word of the suggestion',
  accept_line = 'Accept the next line of the suggestion',
}

---@param buffer integer
---@param keymaps codehearth.Keymaps
function M.set(buffer, keymaps)
  for action, key in pairs(keymaps) do
    if key and not M._ours(buffer, key) then
      local before = M._before(buffer, key)
      vim.keymap.set('i', key, function()
        if require('codehearth')[action]() then
          return ''
        end
        return before()
      end, { buffer = buffer, expr = true, replace_keycodes = false, desc = descriptions[action] })
    end
  end
end

--- Whether the key has been mapped already, e.g. before the server was restarted.
function M._ours(buffer, key)
  return vim.api.nvim_buf_call(buffer, function()
    local map = vim.fn.maparg(key, 'i', false, true)
    return map.buffer == 1 and vim.list_contains(vim.tbl_values(descriptions), map.desc)
  end)
end

--- What the key did so far, as a function that returns the keys to be typed.
---@return fun(): string
function M._before(buffer, key)
  local typed = vim.keycode(key)
  local map = vim.api.nvim_buf_call(buffer, function()
    return vim.fn.maparg(key, 'i', false, true)
  end)
  if vim.tbl_isempty(map) then
    return function()
      return typed
    end
  end
  return function()
    local keys = map.rhs or ''
    if map.callback then
      if map.expr == 0 then
        vim.schedule(map.callback)
        return ''
      end
      keys = map.callback() or ''
    elseif map.expr == 1 then
      keys = vim.api.nvim_eval(map.rhs)
    end
    if map.expr == 0 or map.replace_keycodes == 1 then
      keys = vim.keycode(keys)
    end
    -- Queued rather than returned: what we return is never mapped again, and the key's own map may want that.
    vim.api.nvim_feedkeys(keys, map.noremap == 1 and 'n' or 'm', false)
    return ''
  end
end

return M
