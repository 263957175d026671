import JSON
import Overlay
import Testing

@testable import Cluster

@Suite struct NodeMessagesTests {
    private static func event(_ text: String) throws -> NodeEvent { try NodeEvent(parsing: Array(text.utf8)) }

    @Test func readsANodeWithWhatMattersOfIt() throws {
        let event = try Self.event(
            #"{"type":"MODIFIED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"12","#
                + #""annotations":{"warrens.io/claim":"generation=0","other":"x"},"managedFields":[{"f":{}}]},"#
                + #""spec":{"taints":[]},"status":{"nodeInfo":{"machineID":"0123456789abcdef0123456789abcdef"},"#
                + #""addresses":[{"type":"InternalIP","address":"192.0.2.1"},{"type":"Hostname","address":"a"}],"#
                + #""images":[{"names":["x"]}]}}}"#)
        guard case .changed(let node) = event else {
            Issue.record("\(event)")
            return
        }
        #expect(node.name == "a" && node.resourceVersion == "12")
        #expect(node.annotations == ["claim": "generation=0"])
        #expect(
            node.json.serialized()
                == #"{"kind":"Node","metadata":{"name":"a","annotations":{"warrens.io/claim":"generation=0"}},"#
                + #""status":{"addresses":[{"type":"InternalIP","address":"192.0.2.1"}],"#
                + #""nodeInfo":{"machineID":"0123456789abcdef0123456789abcdef"}}}"#)
    }

    @Test func readsTheObjectBeforeItsType() throws {
        let event = try Self.event(#"{"object":{"metadata":{"name":"a","resourceVersion":"3"}},"type":"DELETED"}"#)
        guard case .deleted(let node) = event else {
            Issue.record("\(event)")
            return
        }
        #expect(node.name == "a" && node.resourceVersion == "3")
    }

    @Test func readsABookmark() throws {
        let event = try Self.event(
            #"{"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"77","creationTimestamp":null}}}"#
        )
        guard case .bookmark("77") = event else {
            Issue.record("\(event)")
            return
        }
    }

    @Test func readsWhyAWatchHasEnded() throws {
        let event = try Self.event(
            #"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#
                + #""message":"too old resource version: 1 (5)","reason":"Expired","code":410}}"#)
        guard case .failed(let status) = event else {
            Issue.record("\(event)")
            return
        }
        #expect(status == APIStatus(code: 410, reason: "Expired", message: "too old resource version: 1 (5)"))
        #expect(status.isExpired)
    }

    @Test func asksForAListWhereTheServerHasGoneBack() {
        let body =
            #"{"kind":"Status","reason":"Timeout","code":504,"message":"Too large resource version: 9, current: 5"}"#
        #expect(APIStatus(body: Array(body.utf8), code: 504).isExpired)
        #expect(!APIStatus(code: 504, reason: "Timeout", message: "no answer").isExpired)
    }

    @Test func takesAnUnknownTypeForAFailure() throws {
        guard case .failed(let status) = try Self.event(#"{"type":"RENAMED","object":null}"#) else {
            Issue.record("it was believed")
            return
        }
        #expect(status.message.contains("RENAMED") && !status.isExpired)
    }

    @Test(arguments: ["", "[]", #"{"type":"ADDED""#, #"{"type":"ADDED","object":{}}x"#, "{\"type\":\"\u{1}\"}"])
    func refusesWhatIsNoEvent(text: String) {
        #expect(throws: JSONError.self) { try Self.event(text) }
    }

    @Test(arguments: ["{}", "[]", #"{"metadata":{"resourceVersion":"1"}}"#, #"{"metadata":{},"items":[]}"#, "x"])
    func takesNoOtherObjectForAList(text: String) {
        #expect(ListPage(envelope: Array(text.utf8)) == nil)
    }

    @Test func readsAnswersOfWhatStandsBefore() {
        #expect(
            APIStatus(body: Array("<html>\nBad gateway".utf8), code: 502) == APIStatus(code: 502, message: "<html>"))
        #expect(
            APIStatus(body: Array(#"{"kind":"Status","reason":"Forbidden","message":"no","code":403}"#.utf8), code: 403)
                == APIStatus(code: 403, reason: "Forbidden", message: "no"))
    }

    @Test(arguments: [
        (
            APIFailure.Action.list, 403, #"nodes is forbidden: User "system:node:a" cannot list resource "nodes""#,
            "since Kubernetes 1.32"
        ),
        (.list, 403, #"User "system:serviceaccount:x:y" cannot list"#, "ClusterRole"),
        (.annotate, 403, "", "--node-name"),
        (.watch, 401, "", "credentials"), (.get, 404, "", "nodeName"), (.list, 404, "", "URL"),
        (.list, 429, "", "busy"),
        (.watch, 503, "", "later"),
    ])
    func namesTheRemedy(action: APIFailure.Action, code: Int, message: String, remedy: String) {
        let failure = APIFailure(
            action, APIStatus(code: code, message: message), retryAfter: "7", origin: "/etc/kubeconfig")
        #expect(failure.description.contains(remedy) && failure.description.contains("\(code)"))
        #expect(failure.retryAfter == 7)
    }
}
