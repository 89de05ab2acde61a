; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_declaration) @definition.class
(trait_declaration) @definition.class
(interface_declaration) @definition.interface
(enum_declaration) @definition.enum
(function_definition) @definition.function
(method_declaration) @definition.method
(const_declaration (const_element . (name) @name)) @definition.constant
(property_declaration (property_element name: (variable_name) @name)) @definition.variable
(property_promotion_parameter) @definition.member
(enum_case) @definition.constant
(namespace_definition) @scope.module
(attribute_list) @decorator

; Imports
(namespace_use_declaration (namespace_use_clause
  (qualified_name prefix: (_) @import.module (name) @import.name) alias: (name)? @import.alias))
(namespace_use_declaration (namespace_name) @import.module
  body: (namespace_use_group (namespace_use_clause . (name) @import.name alias: (name)? @import.alias)))
[(require_expression (string (string_content) @import.module))
 (require_once_expression (string (string_content) @import.module))
 (include_expression (string (string_content) @import.module))
 (include_once_expression (string (string_content) @import.module))
 (require_expression (binary_expression right: (string (string_content) @import.module)))
 (require_once_expression (binary_expression right: (string (string_content) @import.module)))
 (include_expression (binary_expression right: (string (string_content) @import.module)))
 (include_once_expression (binary_expression right: (string (string_content) @import.module)))]

; Names
(name) @identifier

; Structure around a cursor
(comment) @comment
[(string) (encapsed_string) (heredoc) (nowdoc) (shell_command_expression)] @string
[(compound_statement) (declaration_list) (enum_declaration_list) (switch_block) (match_block)] @block.suite
(arguments) @block.arguments
(formal_parameters) @block.parameters
[(array_creation_expression) (parenthesized_expression) (subscript_expression) (namespace_use_group)
 (list_literal)] @block.literal
; A variable in a string is code, with or without braces.
[(variable_name) (member_access_expression) (dynamic_variable_name)] @interpolation
