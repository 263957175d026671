import Testing

@Suite struct TunnelDatapathTests {}
