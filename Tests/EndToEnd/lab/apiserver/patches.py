"""Patches: JSON Merge Patch (RFC 7396), and as much of Kubernetes' strategic merge as a Node's lists need."""

#: Lists that a strategic merge patch merges, by the member that names their items.
MERGE_KEYS = {"conditions": "type", "addresses": "type"}


def merge(value, patch):
    """The value with a merge patch applied; the given value stays as it is."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), change)
    return result


def strategic_merge(value, patch, field=""):
    """As `merge`, but lists that have a key are merged item by item."""
    if isinstance(patch, list) and isinstance(value, list) and (key := MERGE_KEYS.get(field)):
        changes = {item[key]: item for item in patch}
        merged = [strategic_merge(item, changes.pop(item[key], {})) for item in value]
        return merged + list(changes.values())
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for member, change in patch.items():
        if member.startswith("$"):
            raise ValueError(f"this stand-in knows no directive {member}")
        if change is None:
            result.pop(member, None)
        else:
            result[member] = strategic_merge(result.get(member), change, member)
    return result
