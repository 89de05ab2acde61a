; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_definition) @definition.class
(function_definition) @definition.function
(module (expression_statement (assignment left: (identifier) @name) @definition.variable))
(class_definition body: (block (expression_statement (assignment left: (identifier) @name) @definition.variable)))
(assignment left: (attribute object: (identifier) @receiver attribute: (identifier) @name)) @definition.member
(type_alias_statement left: (type (identifier) @name)) @definition.type
(decorated_definition) @wrapper
(decorator) @decorator

; Imports
(import_statement name: (dotted_name) @import.module)
(import_statement name: (aliased_import name: (dotted_name) @import.module alias: (identifier) @import.alias))
(import_from_statement module_name: (_) @import.module name: (dotted_name) @import.name)
(import_from_statement module_name: (_) @import.module
  name: (aliased_import name: (dotted_name) @import.name alias: (identifier) @import.alias))
(import_from_statement module_name: (_) @import.module (wildcard_import) @import.name)

; Names
(identifier) @identifier

; Structure around a cursor
(comment) @comment
(string) @string
(interpolation) @interpolation
(block) @block.suite
[(argument_list) (generator_expression)] @block.arguments
[(parameters) (lambda_parameters)] @block.parameters
[(list) (dictionary) (set) (tuple) (parenthesized_expression)
 (list_comprehension) (dictionary_comprehension) (set_comprehension) (subscript)] @block.literal
