internal import NetlinkShim

// The kernel's header gives each object's attributes an enumeration of their own.
extension nft_table_attributes: AttributeType {}
extension nft_chain_attributes: AttributeType {}
extension nft_hook_attributes: AttributeType {}
extension nft_rule_attributes: AttributeType {}
extension nft_set_attributes: AttributeType {}
extension nft_set_elem_attributes: AttributeType {}
extension nft_set_elem_list_attributes: AttributeType {}
extension nft_data_attributes: AttributeType {}
extension nft_verdict_attributes: AttributeType {}
extension nft_expr_attributes: AttributeType {}
extension nft_immediate_attributes: AttributeType {}
extension nft_bitwise_attributes: AttributeType {}
extension nft_cmp_attributes: AttributeType {}
extension nft_lookup_attributes: AttributeType {}
extension nft_payload_attributes: AttributeType {}
extension nft_meta_attributes: AttributeType {}
extension nft_ct_attributes: AttributeType {}
extension nft_nat_attributes: AttributeType {}
extension nft_match_attributes: AttributeType {}
extension nft_target_attributes: AttributeType {}
