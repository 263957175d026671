"""A stand-in of the Kubernetes API server, as far as a program that lives from Node objects can see it.

Over TLS it lists nodes in pages, watches them, gets and patches them and their status, and takes Events, with the status
codes, texts and oddities of the real one: the lists that ignore `limit` where they ask for resource version 0, bookmarks,
versions that are too old or too new, bodies that are compressed only where they are long. It knows service accounts by
tokens that end, users by client certificates, what a kubelet may do, and one admission policy. A test changes its objects
and makes it misbehave over a socket of its own (`lab.controlplane`).

What it leaves out, because a real server cannot be had here:

- every resource but nodes and events; creating and deleting nodes, but by the test; `PUT`, JSON Patch and server-side apply;
  strategic merge patches with directives (`$patch`, `$setElementOrder`); `dryRun`, `fieldValidation`, label selectors, and
  field selectors but `metadata.name`;
- HTTP/2, protobuf, tables and partial metadata: a client that insists on one of them is answered 406; streaming lists
  (`sendInitialEvents`) are refused as by a server that has the feature off;
- roles: what the service account may do stands in `access.py`, and so do the node authorizer, the NodeRestriction
  plugin and our ValidatingAdmissionPolicy, which are rules written out here, not CEL that is evaluated;
- tokens are signed by a secret of the server's, not by a key; a client certificate of an unknown authority ends the
  handshake, where the real server answers 401;
- several servers behind one address, priority and fairness (a test orders its 429), audit, and all validation of objects
  but what patching an annotation or writing an Event can run into;
- objects are kept in memory only. After a restart the server knows the objects that it had, but no history and no
  continue tokens.
"""
