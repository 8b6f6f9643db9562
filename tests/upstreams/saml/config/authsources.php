<?php
// Everybody's password is "password".
$config = ['people' => ['exampleauth:UserPass']];
foreach (json_decode(file_get_contents(getenv('DIRECTORY') . '/people.json'), true) as $name => $said) {
    $config['people']["$name:password"] = $said + ['uid' => [$name]];
}
