<?php
$settings = json_decode(file_get_contents(getenv('DIRECTORY') . '/settings.json'), true);
$persistent = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
$metadata['__DYNAMIC:1__'] = $settings + [
    'host' => '__DEFAULT__',
    'privatekey' => 'key.pem',
    'certificate' => 'key.crt',
    'auth' => 'people',
    'NameIDFormat' => [$persistent],
    'validate.authnrequest' => true,
    'redirect.sign' => true,
    'redirect.validate' => true,
    'authproc' => [1 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => $persistent]],
];
