import Testing

@Suite struct OperatorTests {}
