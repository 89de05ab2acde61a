-- What the servers last said of themselves (`codehearth/status`), and the words for the statusline.

local M = {}

---@class codehearth.Status
---@field state 'starting'|'indexing'|'loading'|'ready'|'paused'|'off'|'error'
---@field busy boolean
---@field message string one sentence for a person
---@field silence? string why the last request was answered with nothing
---@field model? string
---@field version string

---@type table<integer, codehearth.Status>
local latest = {}

--- The server said how it is.
---@param client_id integer
---@param status codehearth.Status
function M.received(client_id, status)
  latest[client_id] = status
  vim.api.nvim_exec_autocmds('User', { pattern = 'CodehearthStatus', modeline = false, data = status })
  vim.cmd.redrawstatus({ bang = true })
end

---@param client? vim.lsp.Client
---@return codehearth.Status?
function M.of(client)
  return client and latest[client.id]
end

---@param client? vim.lsp.Client
---@return string
function M.text(client)
  if not client then
    return ''
  end
  local status = latest[client.id]
  if not status then
    return 'codehearth: starting'
  end
  if status.state ~= 'ready' then
    return 'codehearth: ' .. status.state
  end
  return status.busy and 'codehearth …' or 'codehearth'
end

return M
