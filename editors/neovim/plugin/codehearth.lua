-- Defines `:Codehearth`. Loads nothing else until it is used.

if vim.g.loaded_codehearth then
  return
end
vim.g.loaded_codehearth = true

vim.api.nvim_create_user_command('Codehearth', function(call)
  require('codehearth.commands').run(call.fargs)
end, {
  nargs = '*',
  desc = 'Control codehearth, e.g. :Codehearth pause 30',
  complete = function(lead, line)
    return require('codehearth.commands').complete(lead, line)
  end,
})
