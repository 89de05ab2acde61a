-- The server as Neovim's own configuration knows it: `vim.lsp.enable('codehearth')` needs nothing else.
-- `require('codehearth').setup()` lays the user's choices over it with `vim.lsp.config()`.

-- Neovim's names of languages where the protocol has others.
local identifiers = {
  bash = 'shellscript',
  cs = 'csharp',
  sh = 'shellscript',
  tex = 'latex',
  zsh = 'shellscript',
}

---@type vim.lsp.Config
return {
  cmd = { 'codehearth', 'serve' },
  -- Named, so that a commit message or a log does not start a server that loads a model.
  filetypes = {
    'bash', 'c', 'clojure', 'cmake', 'cpp', 'cs', 'css', 'cuda', 'dart', 'dockerfile', 'elixir', 'elm', 'erlang',
    'fortran', 'fsharp', 'go', 'graphql', 'groovy', 'haskell', 'html', 'java', 'javascript', 'javascriptreact',
    'julia', 'kotlin', 'less', 'lua', 'make', 'markdown', 'nim', 'nix', 'objc', 'ocaml', 'perl', 'php', 'proto',
    'ps1', 'python', 'r', 'ruby', 'rust', 'scala', 'scss', 'sh', 'sql', 'svelte', 'swift', 'terraform', 'tex',
    'toml', 'typescript', 'typescriptreact', 'vim', 'vue', 'yaml', 'zig', 'zsh',
  },
  root_markers = { '.git', '.hg', 'pyproject.toml', 'package.json', 'go.mod', 'Cargo.toml' },
  get_language_id = function(_, filetype)
    return identifiers[filetype] or filetype
  end,
  handlers = {
    ['codehearth/status'] = function(_, status, context)
      require('codehearth.status').received(context.client_id, status)
    end,
  },
}
