import type { Disposition } from '@quantbot/infra';

/** The errors of the daemon's server. */
export const httpCodes = {
  HTTP_LISTEN_FAILED: {
    disposition: 'stop',
    hint: 'Give another address (`--http 127.0.0.1:7172`, or http.listen in bus_config.json), or stop the program that uses this one.',
  },
  HTTP_TOKEN_NEEDED: {
    disposition: 'stop',
    hint: 'Listen on 127.0.0.1, or run `quantbot-bus token create NAME --read`.',
  },
  HTTP_TOKEN_INVALID: {
    disposition: 'stop',
    hint: 'Write a token of at least 16 characters into the file: `node -p "crypto.randomBytes(18).toString(\'base64\')" > token && chmod 600 token`.',
  },
  HTTP_TLS_INVALID: {
    disposition: 'stop',
    hint: 'Correct http.tls in bus_config.json: a certificate, and its private key without a password, as PEM files that the daemon can read.',
  },
  HTTP_HOST_REFUSED: {
    disposition: 'caller',
    hint: 'Open http://localhost:PORT or a numeric address, or add the name to http.allowed_hosts in bus_config.json.',
  },
  HTTP_ORIGIN_REFUSED: {
    disposition: 'caller',
    hint: 'Send the request from a page of this server, or from a program.',
  },
  HTTP_UNAUTHORIZED: {
    disposition: 'caller',
    hint: 'Send a token: `Authorization: Bearer TOKEN`. `quantbot-bus token create` makes one.',
  },
  HTTP_FORBIDDEN: {
    disposition: 'caller',
    hint: 'Use a token that may do this: `quantbot-bus token list` names them, `quantbot-bus token create` makes one.',
  },
  TOKEN_EXISTS: {
    disposition: 'caller',
    hint: 'Choose another name, or revoke that token first: `quantbot-bus token revoke NAME`.',
  },
  TOKEN_NOT_FOUND: { disposition: 'caller', hint: 'Run `quantbot-bus token list` to list the tokens.' },
  TOKEN_NAME_INVALID: {
    disposition: 'caller',
    hint: 'Use letters, digits, dot, underscore and hyphen, starting with a letter or digit, at most 100 characters.',
  },
  UPLOAD_BUSY: {
    disposition: 'retry',
    hint: 'Wait until the other request has ended. It ends 5 s after its last byte.',
  },
  UPLOAD_OFFSET: { disposition: 'retry', hint: 'Ask with HEAD how much is there, and go on from that byte.' },
  UPLOAD_MISSING: { disposition: 'retry', hint: 'Send the files that the details name, then the manifest again.' },
  UPLOAD_LIMIT: {
    disposition: 'retry',
    hint: 'Submit the files that are there, or wait. `quantbot-bus gc` removes old ones. http.uploads has the limits.',
  },
  HTTP_NOT_FOUND: { disposition: 'caller', hint: 'See /api/v1/openapi.json for all paths.' },
  HTTP_REQUEST_INVALID: { disposition: 'caller', hint: 'Correct what the details name. See /api/v1/openapi.json.' },
  HTTP_TOO_LARGE: { disposition: 'caller', hint: 'Send a smaller body.' },
  HTTP_RANGE_INVALID: { disposition: 'caller', hint: 'Ask for a range within the size that Content-Range names.' },
  HTTP_FILE_CHANGED: { disposition: 'caller', hint: 'Read the file again from its start, without If-Match.' },
  HTTP_BUSY: { disposition: 'retry', hint: 'Try again in a moment. The daemon is answering other requests.' },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;
