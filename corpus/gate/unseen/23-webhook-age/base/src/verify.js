import { createHmac } from 'node:crypto';

/** The signature of a message, in hexadecimal digits. */
export function sign(secret, timestamp, body) {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

/** Whether a message comes from somebody who knows the secret. `timestamp` is in seconds. */
export function verify(secret, { timestamp, signature, body }) {
  return signature === sign(secret, timestamp, body);
}
