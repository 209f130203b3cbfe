// Files on their way to the gateway.
import { apiUrl, parsed, refused, unreachable, withSession } from "./api.js";

/** Send a file as it is. `onProgress` is told the share that was sent, from 0 to 1. */
export const upload = (path, file, params, onProgress = () => {}) =>
  withSession((csrf) => send(path, file, params, onProgress, csrf));

function send(path, file, params, onProgress, csrf) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", apiUrl(path, { name: file.name, ...params }));
    request.setRequestHeader("content-type", "application/octet-stream");
    for (const [name, value] of Object.entries(csrf)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(unreachable());
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300) resolve(body);
      else reject(refused(request.status, body));
    };
    request.send(file);
  });
}
