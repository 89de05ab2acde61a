-- `:Codehearth why`: what the last suggestion in this buffer was built from, or why there was none.

local M = {}

---@param client vim.lsp.Client
function M.show(client)
  local params = { textDocument = vim.lsp.util.make_text_document_params(0) }
  client:request('codehearth/why', params, function(failure, explanation)
    local codehearth = require('codehearth')
    if failure then
      codehearth.tell(
        ('The server cannot explain itself (%s). A newer one may.'):format(failure.message),
        vim.log.levels.ERROR
      )
    elseif not explanation or explanation == vim.NIL then
      codehearth.tell('Nothing has been asked for in this buffer yet.')
    else
      require('codehearth.page').show('Why this suggestion', M.lines(explanation))
    end
  end)
end

--- An explanation (`completion.query.Explanation` in camelCase) in words.
---@param why table
---@return string[]
function M.lines(why)
  local lines = {}
  local function add(text, ...)
    lines[#lines + 1] = select('#', ...) > 0 and text:format(...) or text
  end
  local function given(value)
    return value ~= nil and value ~= vim.NIL
  end

  if given(why.silence) then
    add('Nothing was shown: %s', why.detail ~= '' and why.detail or why.silence)
  elseif why.fromCache then
    add('Shown from the cache: it continues an earlier suggestion.')
  else
    add('A suggestion of one %s was shown.', why.mode)
  end
  if given(why.alsoAt) then
    add('It also stands in %s.', why.alsoAt)
  elseif given(why.likeAt) then
    add('It stands in %s with other names.', why.likeAt)
  end
  if why.evaluated + why.reused + why.generated > 0 then
    add('Prompt: %d tokens reused, %d evaluated. Answer: %d tokens.', why.reused, why.evaluated, why.generated)
  end
  if given(why.logprob) then
    add('Mean log-probability per token: %.2f.', why.logprob)
  end
  if given(why.reanchored) then
    add('The prompt was begun anew: %s.', why.reanchored)
  end

  local hops = {}
  for hop, milliseconds in pairs(why.milliseconds or {}) do
    hops[#hops + 1] = { hop, milliseconds }
  end
  table.sort(hops, function(one, other)
    return one[2] > other[2]
  end)
  if #hops > 0 then
    local words = vim.tbl_map(function(hop)
      return ('%s %.1f'):format(hop[1], hop[2])
    end, hops)
    add('Milliseconds: %s.', table.concat(words, ', '))
  end

  add('')
  if #why.snippets == 0 then
    add('No code from elsewhere in the repository was used.')
    return lines
  end
  add('Code from the repository in the prompt:')
  for _, snippet in ipairs(why.snippets) do
    local place = snippet.path
    if given(snippet.lines) then
      place = ('%s:%d-%d'):format(place, snippet.lines[1] + 1, snippet.lines[2] + 1)
    end
    add('  %s  %s (%s)', place, snippet.reason, snippet.source)
  end
  return lines
end

return M
