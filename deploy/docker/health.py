"""Health check of a service's container: `python -m deploy.docker.health <port>` exits 0 if it is ready."""

import http.client
import sys

if __name__ == "__main__":
    link = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
    link.request("GET", "/health/ready")
    sys.exit(link.getresponse().status != http.client.OK)
