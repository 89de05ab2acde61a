; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(function_declaration name: (identifier) @name) @definition.function
(function_declaration name: (dot_index_expression table: (identifier) @container field: (identifier) @name)
  body: (block)? @body) @definition.function
(function_declaration name: (method_index_expression table: (identifier) @container method: (identifier) @name)
  body: (block)? @body) @definition.method
(assignment_statement
  (variable_list . name: (dot_index_expression table: (identifier) @container field: (identifier) @name) .)
  (expression_list . value: (function_definition body: (block)? @body))) @definition.function
(assignment_statement (variable_list . name: (identifier) @name .)
  (expression_list . value: (function_definition body: (block)? @body))) @definition.function
(chunk (assignment_statement (variable_list name: (identifier) @name)) @definition.variable)
(chunk (variable_declaration (assignment_statement (variable_list name: (identifier) @name)) @definition.variable))
(variable_declaration) @wrapper

; Imports
(chunk (function_call name: (identifier) @import.require
  arguments: (arguments . (string content: (string_content) @import.module) .)))
(block (function_call name: (identifier) @import.require
  arguments: (arguments . (string content: (string_content) @import.module) .)))
(dot_index_expression table: (function_call name: (identifier) @import.require
  arguments: (arguments . (string content: (string_content) @import.module) .)))
(variable_declaration (assignment_statement (variable_list . name: (identifier) @import.alias .)
  (expression_list . value: (function_call name: (identifier) @import.require
    arguments: (arguments . (string content: (string_content) @import.module) .)))))

; Names
(identifier) @identifier

; Structure around a cursor
(comment) @comment
(string) @string
[(function_declaration) (function_definition) (if_statement) (for_statement) (while_statement) (repeat_statement)
 (do_statement)] @block.suite
(arguments) @block.arguments
(parameters) @block.parameters
[(table_constructor) (parenthesized_expression) (bracket_index_expression)] @block.literal
