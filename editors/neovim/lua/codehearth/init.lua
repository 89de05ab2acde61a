-- Ghost text from a model on this machine: the public functions. See `:help codehearth`.

local M = {}

local NAME = 'codehearth'

---@class codehearth.Keymaps
---@field accept? string|false Accepts the whole suggestion. Default: `<Tab>`.
---@field accept_word? string|false Accepts its next word. Default: `<M-Right>`.
---@field accept_line? string|false Accepts its next line. Default: `<M-Down>`.

---@class codehearth.Options
---@field cmd? string[] What starts the server. Default: `{ 'codehearth', 'serve' }`.
---@field filetypes? string[] Where it is started; see `lsp/codehearth.lua` for the default.
---@field root_markers? (string|string[])[] What marks the folder of a project.
---@field settings? codehearth.Settings Settings of the server; all are listed in `:help codehearth-settings`.
---@field keymaps? codehearth.Keymaps|false Maps in insert mode, where the server is attached; false makes none.

---@type codehearth.Keymaps
local KEYMAPS = { accept = '<Tab>', accept_word = '<M-Right>', accept_line = '<M-Down>' }

--- Tells a person one sentence and the next step.
---@param sentence string
---@param level? integer of `vim.log.levels`
function M.tell(sentence, level)
  vim.notify('codehearth: ' .. sentence, level or vim.log.levels.INFO)
end

--- Whether this Neovim can show ghost text; says so once where it cannot.
---@return boolean
function M.supported()
  if vim.fn.has('nvim-0.12') == 1 then
    return true
  end
  local version = vim.version()
  M.tell(
    ('Neovim %d.%d has no inline completion. Install Neovim 0.12 or newer.'):format(version.major, version.minor),
    vim.log.levels.ERROR
  )
  return false
end

--- Configures the server, starts it for buffers of its file types, and shows what it suggests.
---@param options? codehearth.Options
function M.setup(options)
  if not M.supported() then
    return
  end
  options = options or {}
  local fault = M._fault(options)
  if fault then
    M.tell(fault, vim.log.levels.ERROR)
    return
  end
  local settings = options.settings or vim.empty_dict()
  vim.lsp.config(NAME, {
    cmd = options.cmd,
    filetypes = options.filetypes,
    root_markers = options.root_markers,
    -- Twice: what only the user may set is read from the first, and the second answers when the server asks anew.
    init_options = { settings = settings },
    settings = { [NAME] = settings },
  })
  local keymaps = options.keymaps == false and {} or vim.tbl_extend('force', KEYMAPS, options.keymaps or {})
  vim.api.nvim_create_autocmd('LspAttach', {
    group = vim.api.nvim_create_augroup('codehearth', {}),
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == NAME then
        -- For this client alone: whether another provider shows something is for the user to decide.
        vim.lsp.inline_completion.enable(true, { client_id = client.id })
        require('codehearth.keymaps').set(event.buf, keymaps)
      end
    end,
  })
  M.enable()
end

--- Starts the server wherever it belongs. Where its command is missing, says so when it would have been started.
function M.enable()
  local command = vim.lsp.config[NAME].cmd --[[@as string[] ]]
  if vim.fn.executable(command[1]) == 1 then
    vim.lsp.enable(NAME)
    return
  end
  local filetypes = vim.lsp.config[NAME].filetypes or {}
  local function missing()
    M.tell(
      ('The command `%s` was not found. '):format(command[1])
        .. 'Install the server (`pip install` of a codehearth checkout, in an environment of its own) or give its full path as '
        .. '`cmd` in setup(), then `:Codehearth restart`.',
      vim.log.levels.ERROR
    )
  end
  if vim.list_contains(filetypes, vim.bo.filetype) then
    missing()
  else
    vim.api.nvim_create_autocmd('FileType', {
      group = vim.api.nvim_create_augroup('codehearth.missing', {}),
      pattern = filetypes,
      once = true,
      callback = missing,
    })
  end
end

--- Our client of a buffer, or nil.
---@param buffer? integer the current one by default
---@return vim.lsp.Client?
function M.client(buffer)
  return vim.lsp.get_clients({ name = NAME, bufnr = buffer or 0 })[1]
end

--- Runs another command of the same program, e.g. `{ 'doctor', '--json' }` beside `{ 'codehearth', 'serve' }`.
---@param words string[]
---@return string[]
function M.command(words)
  local command = {}
  for _, word in ipairs(vim.lsp.config[NAME].cmd --[[@as string[] ]]) do
    if word == 'serve' then
      break
    end
    command[#command + 1] = word
  end
  return vim.list_extend(command, words)
end

--- A few words for the statusline; empty where the server is not attached.
---@param buffer? integer the current one by default
---@return string
function M.status(buffer)
  return require('codehearth.status').text(M.client(buffer))
end

--- Accepts the suggestion. False where there is none, so that a map can do what its key does otherwise.
---@return boolean
function M.accept()
  return require('codehearth.accept').take('whole')
end

--- Accepts the next word of the suggestion; the rest stays.
---@return boolean
function M.accept_word()
  return require('codehearth.accept').take('word')
end

--- Accepts the next line of the suggestion; the rest stays.
---@return boolean
function M.accept_line()
  return require('codehearth.accept').take('line')
end

--- What is wrong with the options of `setup()`, or nil. Settings are checked by the server, which names each problem.
---@param options table
---@return string?
function M._fault(options)
  local kinds = {
    cmd = { 'table' },
    filetypes = { 'table' },
    root_markers = { 'table' },
    settings = { 'table' },
    keymaps = { 'table', 'boolean' },
  }
  for name, value in pairs(options) do
    if not kinds[name] then
      return ('setup() knows no option `%s`; see `:help codehearth-setup`.'):format(name)
    end
    if not vim.list_contains(kinds[name], type(value)) then
      return ('The option `%s` of setup() must be a table, not a %s.'):format(name, type(value))
    end
  end
  for name, key in pairs(type(options.keymaps) == 'table' and options.keymaps or {}) do
    if not KEYMAPS[name] then
      return ('setup() knows no map `%s`; there are accept, accept_word and accept_line.'):format(name)
    end
    if key ~= false and type(key) ~= 'string' then
      return ('The map `%s` of setup() must be a key or false.'):format(name)
    end
  end
end

return M
