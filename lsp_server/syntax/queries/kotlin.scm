; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_declaration "interface" (class_body) @body) @definition.interface
(class_declaration "interface") @definition.interface
(class_declaration (class_body) @body) @definition.class
(class_declaration (enum_class_body) @body) @definition.enum
(class_declaration) @definition.class
(object_declaration (class_body) @body) @definition.class
(object_declaration) @definition.class
(function_declaration (function_body) @body) @definition.function
(function_declaration) @definition.function
(type_alias type: (identifier) @name) @definition.type
(source_file (property_declaration (variable_declaration (identifier) @name)) @definition.variable)
(class_body (property_declaration (variable_declaration (identifier) @name)) @definition.variable)
(class_parameter ["val" "var"] (identifier) @name) @definition.member
(enum_entry . (identifier) @name) @definition.constant
(annotation) @decorator

; Imports
(import (qualified_identifier) @import.path "*" @import.all)
(import (qualified_identifier) @import.path (identifier)? @import.alias)

; Names
(identifier) @identifier

; Structure around a cursor
[(line_comment) (block_comment)] @comment
[(string_literal) (multiline_string_literal) (character_literal)] @string
(interpolation) @interpolation
[(block) (class_body) (enum_class_body) (lambda_literal) (when_expression)] @block.suite
(value_arguments) @block.arguments
[(function_value_parameters) (class_parameters) (type_parameters) (type_arguments)] @block.parameters
[(collection_literal) (parenthesized_expression) (index_expression)] @block.literal
