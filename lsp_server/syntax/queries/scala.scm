; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_definition) @definition.class
(object_definition) @definition.class
(trait_definition) @definition.interface
(enum_definition) @definition.enum
(function_definition) @definition.function
(function_declaration) @definition.function
(type_definition) @definition.type
(compilation_unit [(val_definition pattern: (identifier) @name) (var_definition pattern: (identifier) @name)
  ] @definition.variable)
(template_body [(val_definition pattern: (identifier) @name) (var_definition pattern: (identifier) @name)
  (val_declaration name: (identifier) @name) (var_declaration name: (identifier) @name)] @definition.variable)
(class_parameter) @definition.member
(simple_enum_case) @definition.constant
(full_enum_case) @definition.constant
(annotation) @decorator

; Imports
(import_declaration (namespace_wildcard) @import.all) @import.path
(import_declaration (namespace_selectors [
  (identifier) @import.name
  (arrow_renamed_identifier name: (identifier) @import.name alias: (_) @import.alias)
  (as_renamed_identifier name: (identifier) @import.name alias: (_) @import.alias)])) @import.path
(import_declaration (identifier) .) @import.path

; Names
[(identifier) (type_identifier) (operator_identifier)] @identifier

; Structure around a cursor
[(comment) (block_comment)] @comment
[(string) (interpolated_string) (character_literal)] @string
(interpolation) @interpolation
[(block) (template_body) (enum_body) (case_block)] @block.suite
(arguments) @block.arguments
[(parameters) (class_parameters) (type_parameters) (type_arguments)] @block.parameters
[(parenthesized_expression) (tuple_expression) (namespace_selectors)] @block.literal
