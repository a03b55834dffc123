import time

from outbox import Outbox

sent = []


def send(message):
    time.sleep(0.03)
    sent.append(message)


outbox = Outbox(send)
for number in range(15):
    outbox.put(number)
outbox.close()
if sent == list(range(15)):
    print("holds")
