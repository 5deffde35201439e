# Read this into your shell (`. docs/demo.sh`) to paste the examples of these pages while `make demo` runs.

# demo NAME: a value of the running demo, such as `demo issuer` or `demo clients.machine.client_id`.
demo() {
    python3 -c '
import json, os, sys
value = json.load(open(os.path.join(os.environ.get("DEMO_DIR", "var"), "demo.json")))
for name in sys.argv[1].split("."):
    value = value[name]
print(value)' "$1"
}

# field NAME: one member of the JSON object that is piped in.
field() {
    python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# escape TEXT: the text as it may stand in an address.
escape() {
    python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1"
}
