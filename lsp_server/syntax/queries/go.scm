; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(function_declaration) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @container
    (pointer_type (type_identifier) @container)
    (generic_type type: (type_identifier) @container)
    (pointer_type (generic_type type: (type_identifier) @container))]))
  name: (field_identifier) @name body: (block) @body) @definition.method
(type_spec name: (type_identifier) @name type: (struct_type (field_declaration_list) @body)) @definition.class
(type_spec name: (type_identifier) @name type: (interface_type "{" @body)) @definition.interface
(type_spec) @definition.type
(type_alias) @definition.type
(type_spec type: (struct_type (field_declaration_list
  (field_declaration name: (field_identifier) @name) @definition.variable)))
(method_elem) @definition.method
(source_file (const_declaration (const_spec name: (identifier) @name) @definition.constant))
(source_file (var_declaration (var_spec name: (identifier) @name) @definition.variable))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @definition.variable)))
[(type_declaration . (type_spec) .) (type_declaration . (type_alias) .)
 (const_declaration . (const_spec) .) (var_declaration . (var_spec) .)] @wrapper

; Imports
(import_spec !name path: (interpreted_string_literal (interpreted_string_literal_content) @import.module))
(import_spec name: (package_identifier) @import.alias
  path: (interpreted_string_literal (interpreted_string_literal_content) @import.module))
(import_spec name: (blank_identifier) @import.alias
  path: (interpreted_string_literal (interpreted_string_literal_content) @import.module))
(import_spec name: (dot) @import.all
  path: (interpreted_string_literal (interpreted_string_literal_content) @import.module))

; Names
[(identifier) (type_identifier) (field_identifier) (package_identifier)] @identifier

; Structure around a cursor
(comment) @comment
[(interpreted_string_literal) (raw_string_literal) (rune_literal)] @string
[(block) (field_declaration_list) (interface_type) (expression_switch_statement) (type_switch_statement)
 (select_statement)] @block.suite
(argument_list) @block.arguments
[(parameter_list) (type_parameter_list) (type_arguments)] @block.parameters
[(literal_value) (parenthesized_expression) (index_expression)] @block.literal
