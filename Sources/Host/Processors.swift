internal import Glibc

/// How many processors are online, at least one.
public func processorCount() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
