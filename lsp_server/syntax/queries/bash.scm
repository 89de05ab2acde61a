; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(function_definition name: (word) @name body: (_) @body) @definition.function
(program (variable_assignment name: (variable_name) @name) @definition.variable)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @definition.variable)

; Imports
(command name: (command_name (word) @import.require) . argument: (word) @import.module)
(command name: (command_name (word) @import.require) . argument: (string) @import.module)

; Names
[(word) (variable_name)] @identifier

; Structure around a cursor
(comment) @comment
[(string) (raw_string) (ansi_c_string) (heredoc_body)] @string
[(command_substitution) (expansion)] @interpolation
[(compound_statement) (if_statement) (case_statement) (do_group) (subshell)] @block.suite
(array) @block.literal
(test_command) @block.parameters
(arithmetic_expansion) @block.arguments
