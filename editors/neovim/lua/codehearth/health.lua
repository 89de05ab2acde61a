-- `:checkhealth codehearth`

local M = {}

local health = vim.health

local OTHERS = {
  { name = 'copilot.lua', module = 'copilot' },
  { name = 'copilot.vim', variable = 'loaded_copilot' },
  { name = 'codeium.nvim', module = 'codeium' },
  { name = 'windsurf.vim', variable = 'loaded_codeium' },
  { name = 'llama.vim', variable = 'loaded_llama' },
  { name = 'minuet-ai.nvim', module = 'minuet' },
  { name = 'supermaven-nvim', module = 'supermaven-nvim' },
  { name = 'tabby', variable = 'loaded_tabby' },
  { name = 'tabnine-nvim', module = 'tabnine' },
}
--- Plugins that draw ghost text of their own.

function M.check()
  health.start('codehearth')
  if M._neovim() and M._server() then
    M._doctor()
  end
  M._attached()
  M._others()
end

function M._neovim()
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.12') == 1 then
    health.ok('Neovim ' .. version)
    return true
  end
  health.error(('Neovim %s has no inline completion.'):format(version), 'Install Neovim 0.12 or newer.')
  return false
end

function M._server()
  local command = require('codehearth').command({ '--version' })
  local path = vim.fn.exepath(command[1])
  if path == '' then
    health.error(('The command `%s` was not found.'):format(command[1]), {
      'Install the server: `pip install` of a codehearth checkout, in an environment of its own.',
      "Or give its full path: require('codehearth').setup({ cmd = { '/path/to/codehearth', 'serve' } })",
    })
    return false
  end
  local result = vim.system(command, { text = true, timeout = 20000 }):wait()
  if result.code ~= 0 then
    health.error(('%s does not run: %s'):format(path, vim.trim(result.stderr or '')), {
      'Install the server anew, with Python 3.11 or newer.',
    })
    return false
  end
  health.ok(('%s (%s)'):format(vim.trim(result.stdout), path))
  return true
end

function M._doctor()
  local command = require('codehearth').command({ 'doctor', '--json' })
  local result = vim.system(command, { text = true, timeout = 60000 }):wait()
  local decoded, report = pcall(vim.json.decode, result.stdout or '', { luanil = { object = true } })
  if not decoded or type(report) ~= 'table' then
    health.error('`codehearth doctor` gave no report.', vim.trim(result.stderr or ''))
    return
  end
  health.ok(('Python %s (%s)'):format(report.python.version, report.python.executable))
  if report.model then
    health.ok(('Model: %s'):format(report.model.name))
  end
  for _, problem in ipairs(report.problems) do
    (problem.level == 'error' and health.error or health.warn)(problem.sentence, problem.remedy)
  end
end

function M._attached()
  local clients = vim.lsp.get_clients({ name = 'codehearth' })
  if #clients == 0 then
    health.info('No server runs at the moment: open a source file. It starts for the file types of `lsp/codehearth.lua`.')
  end
  for _, client in ipairs(clients) do
    local status = require('codehearth.status').of(client)
    health.ok(
      ('Server %s for %s: %s'):format(
        client.server_info and client.server_info.version or '',
        client.root_dir or 'single files',
        status and status.message or 'starting'
      )
    )
    if not vim.lsp.inline_completion.is_enabled({ client_id = client.id }) then
      health.warn('Inline completion is not enabled for it.', {
        "Call require('codehearth').setup(), or vim.lsp.inline_completion.enable().",
      })
    end
  end
end

function M._others()
  for _, other in ipairs(OTHERS) do
    if (other.module and package.loaded[other.module]) or (other.variable and vim.g[other.variable]) then
      health.warn(('%s shows ghost text, too.'):format(other.name), 'Use one of the two, or switch one off per file type.')
    end
  end
  for _, client in ipairs(vim.lsp.get_clients({ method = 'textDocument/inlineCompletion' })) do
    if client.name ~= 'codehearth' then
      health.warn(('The language server `%s` offers inline completions, too.'):format(client.name), {
        ("To keep codehearth's alone: vim.lsp.enable('%s', false)"):format(client.name),
      })
    end
  end
end

return M
