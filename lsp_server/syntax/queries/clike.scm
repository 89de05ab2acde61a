; What C and C++ have in common. Captures: see lsp_server/syntax/grammars.py.

; Definitions
(function_definition) @definition.function
(declaration declarator: (function_declarator)) @definition.function
(declaration declarator: (pointer_declarator declarator: (function_declarator))) @definition.function
(struct_specifier body: (_)) @definition.class
(union_specifier body: (_)) @definition.class
(enum_specifier body: (_)) @definition.enum
(type_definition type: (struct_specifier !name body: (field_declaration_list) @body)
  declarator: (type_identifier) @name) @definition.class
(type_definition type: (enum_specifier !name body: (enumerator_list) @body)
  declarator: (type_identifier) @name) @definition.enum
; Of the declarator alone, so that the type does not enclose the members of its structure.
(type_definition type: [(struct_specifier name: (_)) (union_specifier name: (_)) (enum_specifier name: (_))]
  declarator: (type_identifier) @name @definition.type)
(type_definition) @definition.type
(field_declaration declarator: (function_declarator declarator: (parenthesized_declarator))) @definition.variable
(field_declaration declarator: (function_declarator)) @definition.method
(field_declaration declarator: (pointer_declarator declarator: (function_declarator))) @definition.method
(field_declaration declarator: (field_identifier) @name) @definition.variable
(field_declaration) @definition.variable
(enumerator) @definition.constant
(preproc_def) @definition.constant
(preproc_function_def) @definition.function
(translation_unit (declaration declarator: (identifier) @name) @definition.variable)
(translation_unit (declaration) @definition.variable)
(preproc_ifdef (declaration) @definition.variable)

; Imports
(preproc_include path: (string_literal (string_content) @import.module))
(preproc_include path: (system_lib_string) @import.module)

; Names
[(identifier) (type_identifier) (field_identifier)] @identifier

; Structure around a cursor
(comment) @comment
[(string_literal) (char_literal) (system_lib_string)] @string
[(compound_statement) (field_declaration_list) (enumerator_list)] @block.suite
[(argument_list) (preproc_argument_list)] @block.arguments
[(parameter_list) (preproc_params)] @block.parameters
[(initializer_list) (parenthesized_expression) (subscript_expression)] @block.literal
