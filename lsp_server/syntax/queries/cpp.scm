; What only C++ has; the rest is in clike.scm. Namespaces are scopes but no definitions: what they hold is looked up by
; its own name.

; Definitions
(class_specifier name: (type_identifier) @name body: (field_declaration_list) @body) @definition.class
(function_definition declarator: [
    (function_declarator declarator: (field_identifier) @name)
    (function_declarator declarator: (destructor_name) @name)
    (function_declarator declarator: (operator_name) @name)
    (reference_declarator (function_declarator declarator: [(identifier) (field_identifier) (operator_name)] @name))
    (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @name))]
  body: (compound_statement) @body) @definition.function
(function_definition declarator: (_
    declarator: (qualified_identifier
      scope: [(namespace_identifier) @container (template_type name: (type_identifier) @container)]
      name: [(identifier) (destructor_name) (operator_name)] @name))
  body: (compound_statement) @body) @definition.method
(function_definition declarator: (_
    (function_declarator declarator: (qualified_identifier
      scope: [(namespace_identifier) @container (template_type name: (type_identifier) @container)]
      name: [(identifier) (destructor_name) (operator_name)] @name)))
  body: (compound_statement) @body) @definition.method
(function_definition declarator: (_
    declarator: (qualified_identifier name: (qualified_identifier
      scope: [(namespace_identifier) @container (template_type name: (type_identifier) @container)]
      name: [(identifier) (destructor_name) (operator_name)] @name)))
  body: (compound_statement) @body) @definition.method
(function_definition declarator: (function_declarator declarator: [(identifier) (field_identifier) (destructor_name)] @name)
  ) @definition.function
[(field_declaration declarator: (function_declarator declarator: [(field_identifier) (operator_name)] @name))
 (field_declaration declarator: (_ (function_declarator declarator: (field_identifier) @name)))
 (declaration declarator: (function_declarator declarator: (destructor_name) @name))] @definition.method
(field_declaration declarator: (reference_declarator (field_identifier) @name)) @definition.variable
(alias_declaration name: (type_identifier) @name) @definition.type
(concept_definition name: (identifier) @name) @definition.type
(namespace_definition body: (declaration_list
  (declaration declarator: [(identifier) @name (init_declarator declarator: (identifier) @name)]) @definition.variable))
(namespace_definition name: (_) @name body: (_) @body) @scope.module
(template_declaration) @wrapper

; Names
(namespace_identifier) @identifier

; Structure around a cursor
(raw_string_literal) @string
(declaration_list) @block.suite
[(template_parameter_list) (template_argument_list) (lambda_capture_specifier)] @block.parameters
