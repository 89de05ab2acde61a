; Captures: see lsp_server/syntax/grammars.py.
; Namespaces are scopes but no definitions: what they hold is looked up by its own name.

; Definitions
(class_declaration name: (identifier) @name body: (_) @body) @definition.class
(struct_declaration name: (identifier) @name body: (_) @body) @definition.class
(record_declaration name: (identifier) @name body: (_) @body) @definition.class
(record_declaration name: (identifier) @name) @definition.class
(interface_declaration name: (identifier) @name body: (_) @body) @definition.interface
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(delegate_declaration name: (identifier) @name) @definition.type
(method_declaration name: (identifier) @name body: (_) @body) @definition.method
(method_declaration name: (identifier) @name) @definition.method
(constructor_declaration name: (identifier) @name body: (_) @body) @definition.method
(destructor_declaration name: (identifier) @name body: (_) @body) @definition.method
(local_function_statement name: (identifier) @name body: (_) @body) @definition.function
(property_declaration name: (identifier) @name accessors: (accessor_list) @body) @definition.variable
(property_declaration name: (identifier) @name) @definition.variable
(event_field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.variable
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.variable
(record_declaration (parameter_list (parameter name: (identifier) @name) @definition.variable))
(enum_member_declaration name: (identifier) @name) @definition.constant
(namespace_declaration name: (_) @name body: (_) @body) @scope.module
(attribute_list) @decorator

; Imports
(using_directive !name . [(identifier) (qualified_name)] @import.module .)
(using_directive !name [(identifier) (qualified_name)] @import.module .)
(using_directive name: (identifier) @import.alias [(identifier) (qualified_name)] @import.module .)

; Names
(identifier) @identifier

; Structure around a cursor
(comment) @comment
[(string_literal) (verbatim_string_literal) (raw_string_literal) (character_literal)
 (interpolated_string_expression)] @string
(interpolation) @interpolation
[(block) (declaration_list) (enum_member_declaration_list) (accessor_list) (switch_body)] @block.suite
[(argument_list) (attribute_argument_list)] @block.arguments
[(parameter_list) (type_parameter_list) (type_argument_list)] @block.parameters
[(initializer_expression) (parenthesized_expression) (bracketed_argument_list) (switch_expression)
 (tuple_expression)] @block.literal
