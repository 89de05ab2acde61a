; Captures: see lsp_server/syntax/grammars.py.
; Namespaces are scopes but no definitions: what they hold is looked up by its own name.

; Definitions
(class_declaration) @definition.class
(struct_declaration) @definition.class
(record_declaration) @definition.class
(interface_declaration) @definition.interface
(enum_declaration) @definition.enum
(delegate_declaration) @definition.type
(method_declaration) @definition.method
(constructor_declaration) @definition.method
(destructor_declaration) @definition.method
(local_function_statement) @definition.function
(property_declaration name: (identifier) @name accessors: (accessor_list) @body) @definition.variable
(property_declaration) @definition.variable
(event_field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.variable
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.variable
(record_declaration (parameter_list (parameter name: (identifier) @name) @definition.variable))
(enum_member_declaration) @definition.constant
(namespace_declaration) @scope.module
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
