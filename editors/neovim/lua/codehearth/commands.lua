-- The subcommands of `:Codehearth`.

local M = {}

local codehearth = require('codehearth')

--- Our client, or nil after a person was told that there is none.
local function attached()
  local client = codehearth.client()
  if not client then
    codehearth.tell('No server is attached to this buffer. `:checkhealth codehearth` says why.', vim.log.levels.WARN)
  end
  return client
end

---@param name string
---@param arguments any[]
---@param done? fun()
local function execute(name, arguments, done)
  local client = attached()
  if not client then
    return
  end
  client:request('workspace/executeCommand', { command = name, arguments = arguments }, function(failure)
    if failure then
      codehearth.tell(failure.message, vim.log.levels.ERROR)
    elseif done then
      done()
    end
  end)
end

---@type table<string, fun(arguments: string[])>
local subcommands = {
  pause = function(arguments)
    local minutes = tonumber(arguments[1])
    if arguments[1] and not minutes then
      codehearth.tell('pause takes a number of minutes, or nothing.', vim.log.levels.ERROR)
      return
    end
    execute('codehearth.pause', { minutes })
  end,
  resume = function()
    execute('codehearth.resume', {})
  end,
  toggle = function(arguments)
    local client = codehearth.client()
    local language = arguments[1] or (client and client.get_language_id(0, vim.bo.filetype)) or ''
    execute('codehearth.toggleLanguage', { language }, function()
      codehearth.tell(('Suggestions for %s are switched over until the server ends.'):format(language))
    end)
  end,
  reindex = function()
    execute('codehearth.reindex', {})
  end,
  status = function()
    local client = attached()
    local status = require('codehearth.status').of(client)
    if status then
      local model = status.model and (' Model: %s.'):format(status.model) or ''
      codehearth.tell(('%s%s Server %s.'):format(status.message, model, status.version))
    elseif client then
      codehearth.tell('The server is starting.')
    end
  end,
  why = function()
    local client = attached()
    if client then
      require('codehearth.why').show(client)
    end
  end,
  restart = function()
    M._restart()
  end,
  log = function()
    vim.cmd.split({ vim.fn.fnameescape(vim.lsp.log.get_filename()), magic = { file = false } })
    vim.cmd.normal({ 'G', bang = true })
  end,
  doctor = function()
    local command = codehearth.command({ 'doctor' })
    if vim.fn.executable(command[1]) == 0 then
      codehearth.enable()
      return
    end
    codehearth.tell('Examining this machine …')
    vim.system(command, { text = true }, function(result)
      vim.schedule(function()
        local text = vim.trim((result.stdout or '') .. (result.stderr or ''))
        require('codehearth.page').show('codehearth doctor', vim.split(text, '\n'))
      end)
    end)
  end,
}

---@param words string[]
function M.run(words)
  if not codehearth.supported() then
    return
  end
  local subcommand = subcommands[words[1] or 'status']
  if not subcommand then
    codehearth.tell(
      ('There is no command %s; there are %s.'):format(words[1], table.concat(M._names(), ', ')),
      vim.log.levels.ERROR
    )
    return
  end
  subcommand(vim.list_slice(words, 2))
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  if line:match('^%s*%S+%s+%S+%s') then
    return {}
  end
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, M._names())
end

function M._names()
  local names = vim.tbl_keys(subcommands)
  table.sort(names)
  return names
end

--- Ends our servers, with force where they do not within seconds, and starts them anew.
function M._restart()
  local clients = vim.lsp.get_clients({ name = 'codehearth' })
  for _, client in ipairs(clients) do
    client:stop(3000)
  end
  local timer = assert(vim.uv.new_timer())
  timer:start(
    0,
    50,
    vim.schedule_wrap(function()
      local ended = vim.iter(clients):all(function(client)
        return client:is_stopped()
      end)
      if ended and not timer:is_closing() then
        timer:stop()
        timer:close()
        codehearth.enable()
      end
    end)
  )
end

return M
