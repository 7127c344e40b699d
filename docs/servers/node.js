// Node's own http and http2 modules with as little on top as the capabilities need: what is judged is Node.
'use strict';
const fs = require('fs');
const http = require('http');
const http2 = require('http2');

const page = '<!DOCTYPE html><title>node</title>\n';

const routes = {
  '/': (req, res) => {
    res.setHeader('Content-Type', 'text/html');
    res.end(req.method === 'HEAD' ? undefined : page);
  },
  '/echo': (req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      res.setHeader('Content-Type', 'application/octet-stream');
      res.end(Buffer.concat(parts));
    });
  },
  '/stream': (req, res) => {
    res.setHeader('Content-Type', 'text/plain');
    for (let line = 0; line < 3; line++) res.write(`line ${line}\n`);
    res.end();
  },
  '/early-hints': (req, res) => {
    // Node sends what it is told to, whatever the version of the client.
    if (req.httpVersion !== '1.0') res.writeEarlyHints({ link: '</a.css>; rel=preload' });
    res.setHeader('Content-Type', 'text/plain');
    res.end('done\n');
  },
};

const methods = { '/': ['GET', 'HEAD', 'POST'], '/echo': ['POST', 'PUT'] };

const refuse = (res, status, text) => {
  res.statusCode = status;
  res.setHeader('Content-Type', 'text/plain');
  res.end(`${text}\n`);
};

const answer = (req, res) => {
  // Node leaves the request target as it came; an application has to know the absolute form, and
  // to refuse one without a host or with user information.
  if (/^https?:\/\/(?:[/?#:]|$|[^/?#]*@)/i.test(req.url)) return refuse(res, 400, 'bad authority');
  const target = req.url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/');
  const path = target.replace(/\?.*/, '').replace(/^\/stream\/.*/, '/stream');
  const route = routes[path];
  if (!route) return refuse(res, 404, 'not found');
  const allowed = methods[path] || ['GET', 'HEAD'];
  if (!allowed.includes(req.method)) {
    res.setHeader('Allow', allowed.join(', '));
    return refuse(res, 405, 'method not allowed');
  }
  if (path === '/' && req.method === 'POST') {
    req.resume();
    req.on('end', () => route(req, res));
    return;
  }
  route(req, res);
};

// With a port as argument, HTTP/1.1 alone: a backend for others.
const port = Number(process.argv[2] || 18084);
http.createServer(answer).listen(port, '127.0.0.1', () => console.log('listening'));
if (!process.argv[2]) {
  const read = (name) => fs.readFileSync(`${process.env.PREFIX}/${name}.pem`);
  http2.createServer(answer).listen(18184, '127.0.0.1');
  http2.createSecureServer({ key: read('key'), cert: read('cert'), allowHTTP1: true }, answer)
    .listen(18284, '127.0.0.1');
}
