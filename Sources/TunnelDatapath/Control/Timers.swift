internal import Host

/// When to look at something again. Events come in bursts; each kind is served once after a pause.
struct Timers {
    let file: Timer
    let kernel: Timer
    let pods: Timer
    let flows: Timer
    let claim: Timer
    let keepAlive: Timer

    init() throws(SystemError) {
        (file, kernel, pods) = (try Timer(), try Timer(), try Timer())
        (flows, claim, keepAlive) = (try Timer(), try Timer(), try Timer())
    }
}
