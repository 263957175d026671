import Testing

@Suite struct JSONTests {}
