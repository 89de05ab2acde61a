; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_definition name: (identifier) @name body: (_) @body) @definition.class
(class_definition name: (identifier) @name) @definition.class
(object_definition name: (identifier) @name body: (_) @body) @definition.class
(object_definition name: (identifier) @name) @definition.class
(trait_definition name: (identifier) @name body: (_) @body) @definition.interface
(trait_definition name: (identifier) @name) @definition.interface
(enum_definition name: (identifier) @name body: (_) @body) @definition.enum
(function_definition name: (_) @name body: (_) @body) @definition.function
(function_declaration name: (_) @name) @definition.function
(type_definition name: (type_identifier) @name) @definition.type
(compilation_unit [(val_definition pattern: (identifier) @name) (var_definition pattern: (identifier) @name)
  ] @definition.variable)
(template_body [(val_definition pattern: (identifier) @name) (var_definition pattern: (identifier) @name)
  (val_declaration name: (identifier) @name) (var_declaration name: (identifier) @name)] @definition.variable)
(class_parameter name: (identifier) @name) @definition.member
(simple_enum_case name: (identifier) @name) @definition.constant
(full_enum_case name: (identifier) @name) @definition.constant
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
