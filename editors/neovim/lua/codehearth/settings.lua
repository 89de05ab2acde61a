---@meta _
-- Generated from lsp_server/settings.py by `pytest --update tests/test_generated.py`; not to be edited.

---@class codehearth.Settings
---@field model? string Path or name of a GGUF model; null uses the one chosen by `codehearth models use`, else the embedded one. Default: `null`. Never taken from a project.
---@field eagerness? "calm"|"balanced"|"eager" How sure the model must be before text is shown. Default: `balanced`.
---@field completion? codehearth.CompletionSettings
---@field context? codehearth.ContextSettings
---@field index? codehearth.IndexSettings
---@field engine? codehearth.EngineSettings
---@field log? codehearth.LogSettings

---@class codehearth.CompletionSettings
---@field enabled? boolean Offer inline completions at all. Default: `true`.
---@field mode? "auto"|"line"|"block" How much one suggestion may insert. Default: `auto`.
---@field debounceMs? integer Quiet time in milliseconds before an automatic request reaches the model; null follows the measured cost. Default: `null`.
---@field maxLines? integer Longest block, in lines, that one suggestion may insert. Default: `16`.
---@field disabledLanguages? string[] Language identifiers in which nothing is suggested. Default: `[]`.
---@field inComments? boolean Also suggest inside comments. Default: `true`.
---@field fallback? "auto"|"always"|"never" Offer one item through textDocument/completion: where the editor has no inline completion, always, never. Default: `auto`.

---@class codehearth.ContextSettings
---@field enabled? boolean Put related code from the rest of the repository into the prompt. Default: `true`.
---@field share? number Largest share of the prompt that related code may take. Default: `0.35`.

---@class codehearth.IndexSettings
---@field enabled? boolean Index the workspace. Default: `true`.
---@field exclude? string[] Further patterns, in .gitignore syntax, that are not indexed. Default: `[]`.
---@field maxFileKb? integer Larger files are not indexed. Default: `512`.
---@field workers? integer Processes for the first indexing; null means one per core, four at most. Default: `null`.

---@class codehearth.EngineSettings
---@field threads? integer Threads for the model; null measures what is fastest. Default: `null`. Never taken from a project.
---@field gpuLayers? integer Layers kept on the GPU; null fits as many as there is memory for. Default: `null`. Never taken from a project.
---@field contextTokens? integer Longest prompt in tokens; null follows the model and the machine. Default: `null`. Never taken from a project.
---@field idleUnloadMinutes? number The model leaves memory after this many minutes without a request. Default: `10`. Never taken from a project.

---@class codehearth.LogSettings
---@field level? "error"|"warning"|"info"|"debug" How much the server logs; never source text. Default: `info`.
