; What only C++ has; the rest is in clike.scm. Namespaces are scopes but no definitions: what they hold is looked up by
; its own name.

; Definitions
(class_specifier body: (_)) @definition.class
(alias_declaration) @definition.type
(concept_definition) @definition.type
(namespace_definition body: (declaration_list (declaration) @definition.variable))
(namespace_definition) @scope.module
(template_declaration) @wrapper

; Names
(namespace_identifier) @identifier

; Structure around a cursor
(raw_string_literal) @string
(declaration_list) @block.suite
[(template_parameter_list) (template_argument_list) (lambda_capture_specifier)] @block.parameters
