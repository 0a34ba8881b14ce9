// A unary method that carries plain bytes: grpc-js at its fastest, without protobuf on either side.

/** @param {Buffer} bytes */
const asIs = (bytes) => bytes;

export const service = {
  call: {
    path: "/bench.Bench/Call",
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};
