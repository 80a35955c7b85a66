/* Asks an analyst once more, then sends the verdict. A link alone must not judge. */
(function () {
  'use strict';

  var SUBJECTS = ['alert_id', 'event_id', 'entity', 'since', 'until', 'detector'];
  var form = document.getElementById('verdict-form');
  var outcome = document.getElementById('outcome');
  var asked = new URLSearchParams(window.location.search);
  var said = {};

  SUBJECTS.forEach(function (name) {
    var value = asked.get(name);
    if (value && value.charAt(0) !== '$') { // for a missing field, Splunk leaves "$field$"
      said[name] = value;
    }
  });

  function subject() {
    var of = said.detector ? ' of detector ' + said.detector : '';
    if (said.alert_id) { return 'Alert ' + said.alert_id + of; }
    if (said.event_id) { return 'Event ' + said.event_id + of; }
    if (said.entity) { return 'Entity ' + said.entity + of; }
    return '';
  }

  /* Splunk Web takes a change only together with the key that it keeps in a cookie of its own. */
  function formKey() {
    var found = document.cookie.match(/(?:^|;\s*)splunkweb_csrf_token_\d+=([^;]*)/);
    return found ? decodeURIComponent(found[1]) : '';
  }

  /* The page is at <root>/<language>/app/<app>/<view>. */
  function endpoint() {
    var root = window.location.pathname.split('/app/')[0];
    return root + '/splunkd/__raw/services/scoreback/verdict?output_mode=json';
  }

  function send(event) {
    event.preventDefault();
    var body = new URLSearchParams(said);
    body.set('verdict', form.elements.verdict.value);
    body.set('comment', form.elements.comment.value);
    outcome.textContent = 'Sending…';
    fetch(endpoint(), {
      method: 'POST',
      credentials: 'same-origin',
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        'X-Requested-With': 'XMLHttpRequest',
        'X-Splunk-Form-Key': formKey()
      },
      body: body.toString()
    }).then(function (answer) {
      return answer.json().catch(function () { return {}; }).then(function (told) {
        if (answer.ok) {
          form.hidden = true;
          outcome.textContent = told.recorded
            ? 'Recorded. You can close this page.'
            : 'You had recorded this verdict already. You can close this page.';
        } else {
          outcome.textContent = 'Not recorded: ' + (told.error || answer.status + ' ' + answer.statusText);
        }
      });
    }).catch(function (error) {
      outcome.textContent = 'Not recorded: ' + error.message;
    });
  }

  if (subject()) {
    document.getElementById('subject').textContent = subject();
    var chosen = form.querySelector('input[value="' + CSS.escape(asked.get('verdict') || '') + '"]');
    if (chosen) { chosen.checked = true; }
    form.addEventListener('submit', send);
  } else {
    form.hidden = true;
    outcome.textContent = 'This page names no event. Open it from the menu of one of Scoreback\'s events.';
  }
}());
