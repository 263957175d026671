import Testing

@Suite struct CNITests {}
