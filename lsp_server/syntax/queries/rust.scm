; Captures: see lsp_server/syntax/grammars.py.

; Definitions
(impl_item type: [(type_identifier) @container (generic_type type: (type_identifier) @container)]
  body: (declaration_list (function_item) @definition.method))
(impl_item type: [(type_identifier) @container (generic_type type: (type_identifier) @container)]
  body: (declaration_list (const_item) @definition.constant))
(function_item) @definition.function
(function_signature_item) @definition.function
(impl_item type: (_) @name body: (declaration_list) @body) @scope.class
(struct_item) @definition.class
(union_item) @definition.class
(enum_item) @definition.enum
(trait_item) @definition.interface
(mod_item body: (_)) @definition.module
(macro_definition) @definition.function
(type_item) @definition.type
(field_declaration) @definition.variable
(enum_variant) @definition.constant
[(source_file (const_item) @definition.constant)
 (declaration_list (const_item) @definition.constant)
 (source_file (static_item) @definition.constant)]

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
