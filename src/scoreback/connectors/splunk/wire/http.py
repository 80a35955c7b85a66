"""One HTTP session that checks TLS unless the settings say otherwise.

It ignores the environment: a ``.netrc`` would replace the token, and a proxy would see it.
"""

import requests
import urllib3
from requests.adapters import HTTPAdapter

from scoreback.connectors.splunk.settings import SplunkSettings

CONNECTIONS = 8  # maximum open connections to a server


def session(settings: SplunkSettings) -> requests.Session:
    """A session as *settings* say; safe to use from several threads."""
    made = requests.Session()
    made.trust_env = False
    made.verify = str(settings.ca_file) if settings.ca_file else True
    if not settings.verify_tls:
        made.verify = False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if settings.proxy is not None:
        made.proxies = dict.fromkeys(("http", "https"), settings.proxy.get_secret_value())
    made.headers["Accept-Encoding"] = "identity"
    adapter = HTTPAdapter(pool_maxsize=CONNECTIONS)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made
