import Testing

@Suite struct IPAMSelfAssignTests {}
