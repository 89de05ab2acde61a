; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(module) @definition.module
(class) @definition.class
(method) @definition.function
(singleton_method) @definition.function
(program (assignment left: (constant) @name) @definition.constant)
(body_statement (assignment left: (constant) @name) @definition.constant)
(assignment left: (instance_variable) @name) @definition.member
(call method: (identifier) @accessor arguments: (argument_list (simple_symbol) @name)) @definition.variable

; Imports
(call !receiver method: (identifier) @import.require
  arguments: (argument_list . (string (string_content) @import.module) .))

; Names
[(identifier) (constant) (instance_variable) (class_variable) (global_variable)] @identifier

; Structure around a cursor
(comment) @comment
[(string) (regex) (subshell) (string_array) (symbol_array) (heredoc_body) (delimited_symbol)] @string
(interpolation) @interpolation
[(module) (class) (singleton_class) (method) (singleton_method) (do_block) (block) (begin) (if) (unless) (while) (until)
 (for) (case) (case_match)] @block.suite
(argument_list) @block.arguments
[(method_parameters) (block_parameters)] @block.parameters
[(array) (hash) (parenthesized_statements) (element_reference)] @block.literal
