(function () {
  "use strict";
  var tip = document.createElement("div");
  tip.className = "tip";
  document.body.appendChild(tip);
  document.querySelectorAll(".hit").forEach(function (hit) {
    var title = hit.querySelector("title");
    if (!title) { return; }
    var text = title.textContent;
    title.remove();
    hit.addEventListener("pointermove", function (event) {
      tip.textContent = text;
      tip.style.display = "block";
      var left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
      var top = Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8);
      tip.style.left = Math.max(left, 4) + "px";
      tip.style.top = Math.max(top, 4) + "px";
    });
    hit.addEventListener("pointerleave", function () { tip.style.display = "none"; });
  });
})();
