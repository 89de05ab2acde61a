; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(impl_item type: [(type_identifier) @container (generic_type type: (type_identifier) @container)]
  body: (declaration_list (function_item name: (identifier) @name body: (block) @body) @definition.method))
(impl_item type: [(type_identifier) @container (generic_type type: (type_identifier) @container)]
  body: (declaration_list (const_item name: (identifier) @name) @definition.constant))
(function_item name: (identifier) @name body: (block) @body) @definition.function
(function_signature_item name: (identifier) @name) @definition.function
(impl_item type: (_) @name body: (declaration_list) @body) @scope.class
(struct_item name: (type_identifier) @name body: (field_declaration_list) @body) @definition.class
(struct_item name: (type_identifier) @name) @definition.class
(union_item name: (type_identifier) @name body: (_) @body) @definition.class
(enum_item name: (type_identifier) @name body: (_) @body) @definition.enum
(trait_item name: (type_identifier) @name body: (_) @body) @definition.interface
(mod_item name: (identifier) @name body: (_) @body) @definition.module
(macro_definition name: (identifier) @name) @definition.function
(type_item name: (type_identifier) @name) @definition.type
(field_declaration name: (field_identifier) @name) @definition.variable
(enum_variant name: (identifier) @name) @definition.constant
[(source_file (const_item name: (identifier) @name) @definition.constant)
 (declaration_list (const_item name: (identifier) @name) @definition.constant)
 (source_file (static_item name: (identifier) @name) @definition.constant)]

; Imports
(mod_item name: (identifier) @import.module !body)
(use_declaration argument: (identifier) @import.module)
(use_declaration argument: (scoped_identifier path: (_) @import.module name: (identifier) @import.name))
(use_declaration argument: (use_as_clause path: (scoped_identifier path: (_) @import.module name: (_) @import.name)
  alias: (identifier) @import.alias))
(use_declaration argument: (use_wildcard (_) @import.module) @import.all)
(use_declaration argument: (scoped_use_list path: (_) @import.module
  list: (use_list [
    (identifier) @import.name
    (use_as_clause path: (identifier) @import.name alias: (identifier) @import.alias)])))
(use_declaration argument: (scoped_use_list path: (_) @import.module
  list: (use_list (scoped_identifier path: (_) @import.module name: (identifier) @import.name))))
(use_declaration argument: (scoped_use_list path: (_) @import.module
  list: (use_list (scoped_use_list path: (_) @import.module
    list: (use_list [
      (identifier) @import.name
      (use_as_clause path: (identifier) @import.name alias: (identifier) @import.alias)])))))

; Names
[(identifier) (type_identifier) (field_identifier)] @identifier

; Structure around a cursor
[(line_comment) (block_comment)] @comment
[(string_literal) (raw_string_literal) (char_literal)] @string
[(block) (declaration_list) (field_declaration_list) (enum_variant_list) (match_block)] @block.suite
[(arguments) (token_tree)] @block.arguments
[(parameters) (type_parameters) (type_arguments) (closure_parameters)] @block.parameters
[(array_expression) (tuple_expression) (parenthesized_expression) (index_expression) (field_initializer_list)
 (use_list) (tuple_pattern) (struct_pattern)] @block.literal
