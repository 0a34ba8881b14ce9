// What both ends agree on: a POST whose reply has as many bytes as its path says.

/** @param {number} bytes */
export const pathOf = (bytes) => `/rpc/${bytes}`;
