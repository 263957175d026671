import Testing

@Suite struct CNIPluginTests {}
