; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_declaration "enum") @definition.enum
(class_declaration "extension") @scope.class
(class_declaration ["class" "struct" "actor"]) @definition.class
(protocol_declaration) @definition.interface
(class_declaration "extension" name: (user_type . (type_identifier) @container .)
  body: (class_body (function_declaration) @definition.method))
(class_declaration "extension" name: (user_type . (type_identifier) @container .)
  body: (class_body (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable))
(function_declaration) @definition.function
(protocol_function_declaration) @definition.method
(init_declaration "init" @name body: (_) @body) @definition.method
(typealias_declaration) @definition.type
(source_file (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable)
(class_body (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable)
(enum_class_body (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable)
(protocol_property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable
(enum_entry name: (simple_identifier) @name) @definition.constant
(attribute) @decorator

; Imports
(import_declaration (identifier) @import.module)

; Names
[(simple_identifier) (type_identifier)] @identifier

; Structure around a cursor
[(comment) (multiline_comment)] @comment
[(line_string_literal) (multi_line_string_literal) (raw_string_literal) (regex_literal)] @string
(interpolated_expression) @interpolation
[(function_body) (class_body) (enum_class_body) (protocol_body) (computed_property) (lambda_literal) (if_statement)
 (guard_statement) (for_statement) (while_statement) (switch_statement) (do_statement)] @block.suite
(value_arguments) @block.arguments
[(type_parameters) (type_arguments) (tuple_type) (enum_type_parameters)] @block.parameters
[(array_literal) (dictionary_literal) (tuple_expression)] @block.literal
