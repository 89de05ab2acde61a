-- Accepting a suggestion: whole, by word, by line. Neovim accepts whole items only, and puts a stale one where it was
-- asked for, behind what has been typed since; here what was typed along is taken off first.

local M = {}

local api = vim.api

---@class codehearth.Rest What is left of a suggestion of which a part was accepted.
---@field buffer integer
---@field row integer counted from 0
---@field column integer in bytes, from 0
---@field text string

---@type codehearth.Rest?
local rest

local namespace = api.nvim_create_namespace('codehearth.rest')

---@type table<string, fun(text: string): string>
local parts = {
  whole = function(text)
    return text
  end,
  -- Bytes from 128 on belong to letters outside ASCII.
  word = function(text)
    return text:match('^%s*[%w_\128-\255]+') or text:match('^%s*[^%w_\128-\255%s]+') or text
  end,
  line = function(text)
    return text:match('^\n*[^\n]*')
  end,
}

--- Accepts a part of what is suggested at the cursor. False where nothing is; otherwise it happens when this event has
--- been dealt with, because a map with `expr` must not change text.
---@param kind 'whole'|'word'|'line'
---@return boolean
function M.take(kind)
  local part = parts[kind]
  local kept = M._kept()
  if kept then
    vim.schedule(function()
      local still = M._kept()
      if still then
        M._insert(still.buffer, still.text, part)
      end
    end)
    return true
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local client = vim.lsp.get_client_by_id(item.client_id)
      if not client or client.name ~= 'codehearth' or not item.range or type(item.insert_text) ~= 'string' then
        return item
      end
      local buffer = api.nvim_get_current_buf()
      local text = M._untyped(buffer, item)
      if text and text ~= '' then
        M._insert(buffer, text, part)
      end
    end,
  })
end

--- The item's text without what was typed of it since it was asked for; nil where something else was typed.
---@param buffer integer
---@param item vim.lsp.inline_completion.Item
---@return string?
function M._untyped(buffer, item)
  local row, column = item.range:to_extmark()
  local cursor = api.nvim_win_get_cursor(0)
  local found, lines = pcall(api.nvim_buf_get_text, buffer, row, column, cursor[1] - 1, cursor[2], {})
  local typed = found and table.concat(lines, '\n')
  if not typed or not vim.startswith(item.insert_text, typed) then
    return nil
  end
  return item.insert_text:sub(#typed + 1)
end

--- Inserts a part of `text` at the cursor and keeps the rest in sight until the server has answered for it.
---@param buffer integer
---@param text string
---@param part fun(text: string): string
function M._insert(buffer, text, part)
  M._forget()
  local piece = part(text)
  local cursor = api.nvim_win_get_cursor(0)
  local row, column = cursor[1] - 1, cursor[2]
  local lines = vim.split(piece, '\n', { plain = true })
  api.nvim_buf_set_text(buffer, row, column, row, column, lines)
  row = row + #lines - 1
  column = (#lines == 1 and column or 0) + #lines[#lines]
  api.nvim_win_set_cursor(0, { row + 1, column })
  if #piece < #text then
    M._keep({ buffer = buffer, row = row, column = column, text = text:sub(#piece + 1) })
  end
end

---@param new codehearth.Rest
function M._keep(new)
  rest = new
  local lines = vim.split(new.text, '\n', { plain = true })
  local below = {}
  for index = 2, #lines do
    below[#below + 1] = { { lines[index], 'ComplHint' } }
  end
  api.nvim_buf_set_extmark(new.buffer, namespace, new.row, new.column, {
    virt_text = { { lines[1], 'ComplHint' } },
    virt_lines = below,
    virt_text_pos = 'inline',
    hl_mode = 'combine',
  })
  local group = api.nvim_create_augroup('codehearth.rest', {})
  api.nvim_create_autocmd({ 'CursorMovedI', 'TextChangedI', 'TextChangedP', 'InsertLeave', 'BufLeave' }, {
    group = group,
    buffer = new.buffer,
    callback = function(event)
      if event.event == 'InsertLeave' or event.event == 'BufLeave' or not M._kept() then
        M._forget()
      end
    end,
  })
  -- The server's answer takes over, whatever it is.
  api.nvim_create_autocmd('LspRequest', {
    group = group,
    buffer = new.buffer,
    callback = function(event)
      local request = event.data.request
      if request.method == 'textDocument/inlineCompletion' and request.type == 'complete' then
        M._forget()
      end
    end,
  })
end

--- The rest, while the cursor still stands before it.
---@return codehearth.Rest?
function M._kept()
  if not rest or rest.buffer ~= api.nvim_get_current_buf() then
    return nil
  end
  local cursor = api.nvim_win_get_cursor(0)
  return cursor[1] - 1 == rest.row and cursor[2] == rest.column and rest or nil
end

function M._forget()
  if rest then
    if api.nvim_buf_is_valid(rest.buffer) then
      api.nvim_buf_clear_namespace(rest.buffer, namespace, 0, -1)
    end
    api.nvim_del_augroup_by_name('codehearth.rest')
    rest = nil
  end
end

return M
