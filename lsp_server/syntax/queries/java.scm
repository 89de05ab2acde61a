; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_declaration) @definition.class
(record_declaration) @definition.class
(interface_declaration) @definition.interface
(annotation_type_declaration) @definition.interface
(enum_declaration) @definition.enum
(method_declaration) @definition.method
(annotation_type_element_declaration) @definition.method
(constructor_declaration) @definition.method
(compact_constructor_declaration) @definition.method
(record_declaration parameters: (formal_parameters (formal_parameter name: (identifier) @name) @definition.variable))
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.variable
(constant_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.constant
(enum_constant) @definition.constant
[(marker_annotation) (annotation)] @decorator

; Imports
(import_declaration (scoped_identifier scope: (_) @import.module name: (identifier) @import.name) .)
(import_declaration (scoped_identifier) @import.module (asterisk) @import.all)

; Names
[(identifier) (type_identifier)] @identifier

; Structure around a cursor
[(line_comment) (block_comment)] @comment
[(string_literal) (character_literal)] @string
(string_interpolation) @interpolation
[(block) (constructor_body) (class_body) (interface_body) (enum_body) (annotation_type_body) (switch_block)] @block.suite
(argument_list) @block.arguments
[(formal_parameters) (type_parameters) (type_arguments) (annotation_argument_list)] @block.parameters
[(array_initializer) (parenthesized_expression) (array_access)] @block.literal
