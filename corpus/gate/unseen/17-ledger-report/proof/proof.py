import subprocess
import sys
import xml.etree.ElementTree as tree

from ledger import split

assert split(100, 6) == [17, 17, 17, 17, 16, 16]
subprocess.run([sys.executable, "ci/run.py"], stdout=subprocess.DEVNULL, check=True)
names = [node.get("name") for node in tree.parse("reports/junit.xml").getroot().iter("property")]
assert "python" in names
print("holds")
